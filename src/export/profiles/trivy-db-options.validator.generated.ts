// Generated from manifests-schema/trivy-db-options.schema.json by `npm run generate`: edit the schema, not this file.
// @ts-nocheck: compiled by ajv; the one function that leaves this module has a type of its own

const validate = validate20;
const schema31 = {"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"https://stellaops.io/export-center/schemas/trivy-db-options/v1","title":"Trivy db options","$comment":"Code: src/export/profiles","description":"What the profile trivy:db can be told, as inputs.options of export.json has it.","type":"object","additionalProperties":false,"required":["validForSeconds"],"properties":{"validForSeconds":{"description":"How long after asOf a consumer may rely on the content.","type":"integer","minimum":1,"maximum":3155760000},"base":{"description":"The database that others have built and into which the advisories were merged.","$ref":"#/$defs/base"},"dataSources":{"description":"Names of data sources by prefix of id, in byte order of prefix.","type":"array","maxItems":1000,"items":{"$ref":"#/$defs/dataSource"}},"sourcePrecedence":{"description":"Ids of data sources: of several that have an advisory on one package and id, only the first counts.","type":"array","maxItems":100,"items":{"type":"string","pattern":"^[a-z][a-z0-9._-]{0,63}$"}}},"$defs":{"base":{"type":"object","additionalProperties":false,"required":["digest"],"properties":{"digest":{"description":"Of trivy.db, unpacked: the same however it came. What it came in is named by the provenance.","type":"string","pattern":"^sha256:[0-9a-f]{64}$"}}},"text":{"type":"string","pattern":"^[^\\u0000-\\u001f\\u007f]{1,256}$"},"dataSource":{"type":"object","additionalProperties":false,"required":["prefix","id","name","url"],"properties":{"prefix":{"$ref":"#/$defs/text"},"id":{"$ref":"#/$defs/text"},"name":{"$ref":"#/$defs/text"},"url":{"type":"string","pattern":"^https?://[!-~]{1,2000}$"}}}}};
const schema32 = {"type":"object","additionalProperties":false,"required":["digest"],"properties":{"digest":{"description":"Of trivy.db, unpacked: the same however it came. What it came in is named by the provenance.","type":"string","pattern":"^sha256:[0-9a-f]{64}$"}}};
const pattern4 = new RegExp("^sha256:[0-9a-f]{64}$", "u");
const pattern9 = new RegExp("^[a-z][a-z0-9._-]{0,63}$", "u");
const schema33 = {"type":"object","additionalProperties":false,"required":["prefix","id","name","url"],"properties":{"prefix":{"$ref":"#/$defs/text"},"id":{"$ref":"#/$defs/text"},"name":{"$ref":"#/$defs/text"},"url":{"type":"string","pattern":"^https?://[!-~]{1,2000}$"}}};
const schema34 = {"type":"string","pattern":"^[^\\u0000-\\u001f\\u007f]{1,256}$"};
const pattern5 = new RegExp("^[^\\u0000-\\u001f\\u007f]{1,256}$", "u");
const pattern8 = new RegExp("^https?://[!-~]{1,2000}$", "u");

function validate21(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
let vErrors = null;
let errors = 0;
const evaluated0 = validate21.evaluated;
if(evaluated0.dynamicProps){
evaluated0.props = undefined;
}
if(evaluated0.dynamicItems){
evaluated0.items = undefined;
}
if(data && typeof data == "object" && !Array.isArray(data)){
if(data.prefix === undefined){
const err0 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "prefix"},message:"must have required property '"+"prefix"+"'"};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
if(data.id === undefined){
const err1 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "id"},message:"must have required property '"+"id"+"'"};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
if(data.name === undefined){
const err2 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "name"},message:"must have required property '"+"name"+"'"};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
if(data.url === undefined){
const err3 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "url"},message:"must have required property '"+"url"+"'"};
if(vErrors === null){
vErrors = [err3];
}
else {
vErrors.push(err3);
}
errors++;
}
for(const key0 in data){
if(!((((key0 === "prefix") || (key0 === "id")) || (key0 === "name")) || (key0 === "url"))){
const err4 = {instancePath,schemaPath:"#/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key0},message:"must NOT have additional properties"};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
}
}
if(data.prefix !== undefined){
let data0 = data.prefix;
if(typeof data0 === "string"){
if(!pattern5.test(data0)){
const err5 = {instancePath:instancePath+"/prefix",schemaPath:"#/$defs/text/pattern",keyword:"pattern",params:{pattern: "^[^\\u0000-\\u001f\\u007f]{1,256}$"},message:"must match pattern \""+"^[^\\u0000-\\u001f\\u007f]{1,256}$"+"\""};
if(vErrors === null){
vErrors = [err5];
}
else {
vErrors.push(err5);
}
errors++;
}
}
else {
const err6 = {instancePath:instancePath+"/prefix",schemaPath:"#/$defs/text/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err6];
}
else {
vErrors.push(err6);
}
errors++;
}
}
if(data.id !== undefined){
let data1 = data.id;
if(typeof data1 === "string"){
if(!pattern5.test(data1)){
const err7 = {instancePath:instancePath+"/id",schemaPath:"#/$defs/text/pattern",keyword:"pattern",params:{pattern: "^[^\\u0000-\\u001f\\u007f]{1,256}$"},message:"must match pattern \""+"^[^\\u0000-\\u001f\\u007f]{1,256}$"+"\""};
if(vErrors === null){
vErrors = [err7];
}
else {
vErrors.push(err7);
}
errors++;
}
}
else {
const err8 = {instancePath:instancePath+"/id",schemaPath:"#/$defs/text/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err8];
}
else {
vErrors.push(err8);
}
errors++;
}
}
if(data.name !== undefined){
let data2 = data.name;
if(typeof data2 === "string"){
if(!pattern5.test(data2)){
const err9 = {instancePath:instancePath+"/name",schemaPath:"#/$defs/text/pattern",keyword:"pattern",params:{pattern: "^[^\\u0000-\\u001f\\u007f]{1,256}$"},message:"must match pattern \""+"^[^\\u0000-\\u001f\\u007f]{1,256}$"+"\""};
if(vErrors === null){
vErrors = [err9];
}
else {
vErrors.push(err9);
}
errors++;
}
}
else {
const err10 = {instancePath:instancePath+"/name",schemaPath:"#/$defs/text/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err10];
}
else {
vErrors.push(err10);
}
errors++;
}
}
if(data.url !== undefined){
let data3 = data.url;
if(typeof data3 === "string"){
if(!pattern8.test(data3)){
const err11 = {instancePath:instancePath+"/url",schemaPath:"#/properties/url/pattern",keyword:"pattern",params:{pattern: "^https?://[!-~]{1,2000}$"},message:"must match pattern \""+"^https?://[!-~]{1,2000}$"+"\""};
if(vErrors === null){
vErrors = [err11];
}
else {
vErrors.push(err11);
}
errors++;
}
}
else {
const err12 = {instancePath:instancePath+"/url",schemaPath:"#/properties/url/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err12];
}
else {
vErrors.push(err12);
}
errors++;
}
}
}
else {
const err13 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"};
if(vErrors === null){
vErrors = [err13];
}
else {
vErrors.push(err13);
}
errors++;
}
validate21.errors = vErrors;
return errors === 0;
}
validate21.evaluated = {"props":true,"dynamicProps":false,"dynamicItems":false};


function validate20(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
let vErrors = null;
let errors = 0;
const evaluated0 = validate20.evaluated;
if(evaluated0.dynamicProps){
evaluated0.props = undefined;
}
if(evaluated0.dynamicItems){
evaluated0.items = undefined;
}
if(data && typeof data == "object" && !Array.isArray(data)){
if(data.validForSeconds === undefined){
const err0 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "validForSeconds"},message:"must have required property '"+"validForSeconds"+"'"};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
for(const key0 in data){
if(!((((key0 === "validForSeconds") || (key0 === "base")) || (key0 === "dataSources")) || (key0 === "sourcePrecedence"))){
const err1 = {instancePath,schemaPath:"#/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key0},message:"must NOT have additional properties"};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
}
if(data.validForSeconds !== undefined){
let data0 = data.validForSeconds;
if(!(((typeof data0 == "number") && (!(data0 % 1) && !isNaN(data0))) && (isFinite(data0)))){
const err2 = {instancePath:instancePath+"/validForSeconds",schemaPath:"#/properties/validForSeconds/type",keyword:"type",params:{type: "integer"},message:"must be integer"};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
if((typeof data0 == "number") && (isFinite(data0))){
if(data0 > 3155760000 || isNaN(data0)){
const err3 = {instancePath:instancePath+"/validForSeconds",schemaPath:"#/properties/validForSeconds/maximum",keyword:"maximum",params:{comparison: "<=", limit: 3155760000},message:"must be <= 3155760000"};
if(vErrors === null){
vErrors = [err3];
}
else {
vErrors.push(err3);
}
errors++;
}
if(data0 < 1 || isNaN(data0)){
const err4 = {instancePath:instancePath+"/validForSeconds",schemaPath:"#/properties/validForSeconds/minimum",keyword:"minimum",params:{comparison: ">=", limit: 1},message:"must be >= 1"};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
}
}
}
if(data.base !== undefined){
let data1 = data.base;
if(data1 && typeof data1 == "object" && !Array.isArray(data1)){
if(data1.digest === undefined){
const err5 = {instancePath:instancePath+"/base",schemaPath:"#/$defs/base/required",keyword:"required",params:{missingProperty: "digest"},message:"must have required property '"+"digest"+"'"};
if(vErrors === null){
vErrors = [err5];
}
else {
vErrors.push(err5);
}
errors++;
}
for(const key1 in data1){
if(!(key1 === "digest")){
const err6 = {instancePath:instancePath+"/base",schemaPath:"#/$defs/base/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key1},message:"must NOT have additional properties"};
if(vErrors === null){
vErrors = [err6];
}
else {
vErrors.push(err6);
}
errors++;
}
}
if(data1.digest !== undefined){
let data2 = data1.digest;
if(typeof data2 === "string"){
if(!pattern4.test(data2)){
const err7 = {instancePath:instancePath+"/base/digest",schemaPath:"#/$defs/base/properties/digest/pattern",keyword:"pattern",params:{pattern: "^sha256:[0-9a-f]{64}$"},message:"must match pattern \""+"^sha256:[0-9a-f]{64}$"+"\""};
if(vErrors === null){
vErrors = [err7];
}
else {
vErrors.push(err7);
}
errors++;
}
}
else {
const err8 = {instancePath:instancePath+"/base/digest",schemaPath:"#/$defs/base/properties/digest/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err8];
}
else {
vErrors.push(err8);
}
errors++;
}
}
}
else {
const err9 = {instancePath:instancePath+"/base",schemaPath:"#/$defs/base/type",keyword:"type",params:{type: "object"},message:"must be object"};
if(vErrors === null){
vErrors = [err9];
}
else {
vErrors.push(err9);
}
errors++;
}
}
if(data.dataSources !== undefined){
let data3 = data.dataSources;
if(Array.isArray(data3)){
if(data3.length > 1000){
const err10 = {instancePath:instancePath+"/dataSources",schemaPath:"#/properties/dataSources/maxItems",keyword:"maxItems",params:{limit: 1000},message:"must NOT have more than 1000 items"};
if(vErrors === null){
vErrors = [err10];
}
else {
vErrors.push(err10);
}
errors++;
}
const len0 = data3.length;
for(let i0=0; i0<len0; i0++){
if(!(validate21(data3[i0], {instancePath:instancePath+"/dataSources/" + i0,parentData:data3,parentDataProperty:i0,rootData,dynamicAnchors}))){
vErrors = vErrors === null ? validate21.errors : vErrors.concat(validate21.errors);
errors = vErrors.length;
}
}
}
else {
const err11 = {instancePath:instancePath+"/dataSources",schemaPath:"#/properties/dataSources/type",keyword:"type",params:{type: "array"},message:"must be array"};
if(vErrors === null){
vErrors = [err11];
}
else {
vErrors.push(err11);
}
errors++;
}
}
if(data.sourcePrecedence !== undefined){
let data5 = data.sourcePrecedence;
if(Array.isArray(data5)){
if(data5.length > 100){
const err12 = {instancePath:instancePath+"/sourcePrecedence",schemaPath:"#/properties/sourcePrecedence/maxItems",keyword:"maxItems",params:{limit: 100},message:"must NOT have more than 100 items"};
if(vErrors === null){
vErrors = [err12];
}
else {
vErrors.push(err12);
}
errors++;
}
const len1 = data5.length;
for(let i1=0; i1<len1; i1++){
let data6 = data5[i1];
if(typeof data6 === "string"){
if(!pattern9.test(data6)){
const err13 = {instancePath:instancePath+"/sourcePrecedence/" + i1,schemaPath:"#/properties/sourcePrecedence/items/pattern",keyword:"pattern",params:{pattern: "^[a-z][a-z0-9._-]{0,63}$"},message:"must match pattern \""+"^[a-z][a-z0-9._-]{0,63}$"+"\""};
if(vErrors === null){
vErrors = [err13];
}
else {
vErrors.push(err13);
}
errors++;
}
}
else {
const err14 = {instancePath:instancePath+"/sourcePrecedence/" + i1,schemaPath:"#/properties/sourcePrecedence/items/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err14];
}
else {
vErrors.push(err14);
}
errors++;
}
}
}
else {
const err15 = {instancePath:instancePath+"/sourcePrecedence",schemaPath:"#/properties/sourcePrecedence/type",keyword:"type",params:{type: "array"},message:"must be array"};
if(vErrors === null){
vErrors = [err15];
}
else {
vErrors.push(err15);
}
errors++;
}
}
}
else {
const err16 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"};
if(vErrors === null){
vErrors = [err16];
}
else {
vErrors.push(err16);
}
errors++;
}
validate20.errors = vErrors;
return errors === 0;
}
validate20.evaluated = {"props":true,"dynamicProps":false,"dynamicItems":false};

function countCodePoints(text) {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** Where a value departs from the schema, as a JSON pointer (RFC 6901), and how; the first hundred of them. */
export function findFaults(value: unknown): { readonly pointer: string; readonly problem: string }[] {
  if (validate(value)) return [];
  return validate.errors.slice(0, 100).map((error) => {
    const member = error.params.additionalProperty ?? error.params.missingProperty ?? error.propertyName;
    const step = member === undefined ? '' : '/' + member.slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1');
    const unknown = error.keyword === 'additionalProperties' ? 'is not known' : undefined;
    const missing = error.keyword === 'required' ? 'is missing' : undefined;
    return { pointer: error.instancePath + step, problem: unknown ?? missing ?? error.message };
  });
}
